"""What each strategy costs and keeps."""
