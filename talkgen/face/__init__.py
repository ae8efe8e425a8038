"""Face perception: faces, landmarks, the 3D head and its fit."""
