# Two images, of one repository: what runs a flow, and what starts it on ECS.
#   docker build --target flows  --tag $REPOSITORY:$TAG        .
#   docker build --target worker --tag $REPOSITORY:$TAG-worker .
# They have no package in common but Prefect: prefect-aws wants an older boto3 than the flows.
FROM python:3.11-slim-bookworm AS base
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN useradd --create-home --uid 10001 etl

FROM base AS worker
COPY requirements-worker.txt /tmp/
RUN pip install --no-deps --only-binary :all: --require-hashes -r /tmp/requirements-worker.txt
USER 10001
WORKDIR /home/etl
CMD ["prefect", "worker", "start", "--help"]

FROM base AS flows
WORKDIR /opt/etl
COPY requirements-deploy.txt /tmp/
RUN pip install --no-deps --only-binary :all: --require-hashes -r /tmp/requirements-deploy.txt
COPY athena athena
COPY config config
COPY flows flows
COPY src/aws src/aws
COPY src/etl src/etl
ENV PYTHONPATH=/opt/etl/src
USER 10001
CMD ["python", "flows/full_pipeline.py", "--help"]
