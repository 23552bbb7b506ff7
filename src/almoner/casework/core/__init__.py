"""What every other room of casework stands on."""
