"""What a run would do, how much and for how much, before it is started."""
