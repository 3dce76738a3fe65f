"""Blocks: typed configuration of outside systems, saved by name, with secrets encrypted."""

from penstock.sdk.blocks import JSON, Block, Secret, SecretBytes, SecretDict, SecretStr

__all__ = ["JSON", "Block", "Secret", "SecretBytes", "SecretDict", "SecretStr"]
