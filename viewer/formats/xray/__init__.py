"""AWS X-Ray: segment documents, in files and as its daemon takes them."""
