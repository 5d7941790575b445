"""`python -m etl doctor`: is an environment fit for a run, and what mends it?"""

from etl.doctor.command import run_doctor
from etl.doctor.examination import examine

__all__ = ["examine", "run_doctor"]
