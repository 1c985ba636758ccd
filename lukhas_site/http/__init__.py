"""The floor that every app's views stand on. It knows no app and imports none."""
