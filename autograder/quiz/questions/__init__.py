"""What a quiz file may say: the questions of every type, read and checked."""
