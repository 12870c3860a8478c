"""HEIF files (HEIC, AVIF): pictures cut into pieces, of which FFmpeg knows only the pieces."""
