"""The validate step: asked for (`step`), run in its Lambda (`function`), decided (`verdict`)."""
