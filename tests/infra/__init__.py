"""What the test of `infra/` needs: Bicep read, and checked against what Azure's resources take."""
