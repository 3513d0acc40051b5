"""Where a user's presets are kept: saved whole or not at all, with backups, and never over somebody else's change."""
