"""What the HTTP edges share: errors as problems, keys, limits, paging, and the shell around every request."""
