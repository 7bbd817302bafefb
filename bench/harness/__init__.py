"""What `make bench` is made of: programs started and stopped, workloads, results."""
