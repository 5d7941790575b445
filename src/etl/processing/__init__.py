"""Objects under incoming/, each turned by its S3 event into rows under processed/."""
