"""Messages to the rollback owner, through apprise to whatever the team uses."""
