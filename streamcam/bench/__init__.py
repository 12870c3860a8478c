"""What the app costs on this machine, alone and beside other programs."""
