"""`python -m medadapter_train`."""

from medadapter_train.cli import main

main()
