"""What every stage needs of the machine: whole files, journals, stamps, processes."""
