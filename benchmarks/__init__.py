"""What Sluicegate costs, measured beside its peers on the same servers in the same run; README.md says how."""
