#!/usr/bin/env python3
"""The tutorial's pages show its programs as they are."""
import subprocess
import sys
from pathlib import Path

PAGES = Path(__file__).resolve().parents[2] / 'tools/examples/tutorial/pages'
sys.exit(subprocess.run([PAGES, '--check'], check=False).returncode)
