from local_cloud.context import Cloud


def install(cloud: Cloud) -> None:
    pass
