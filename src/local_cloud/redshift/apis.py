def install(r):
    pass
