"""Usage summed up by minute, hour and day: added to as records are stored, built anew from them, and read."""
