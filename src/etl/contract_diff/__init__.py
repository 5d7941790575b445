"""What has changed in contracts, and whether those who rely on them have to know."""
