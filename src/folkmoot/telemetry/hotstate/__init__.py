"""Hot state: what runs and agents do now, mirrored into Redis for eyes only. Nothing ever reads it back."""
