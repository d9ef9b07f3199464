"""What `doctor` looks at: one file an area, each of which returns findings and changes nothing."""
