"""Writes every file of tests/golden/ anew.

  python3.11 -m venv VENV && VENV/bin/pip install -r tests/oracle/requirements.txt
  VENV/bin/python tests/oracle/make_golden.py [subject ...]

On one machine the files come out the same to the bit; another processor may change the last bits.
Each subject asserts that its goldens are fair: far from rounding's reach, and within the tests'
bounds for f32 and bf16 implementations.
"""

import importlib
import sys

# In this order: later subjects read the models and adapters that earlier ones write.
SUBJECTS = [
    "models",
    "golden_tokenizer",
    "golden_buckets",
    "golden_forward",
    "golden_adapters",
    "golden_training",
    "golden_greedy",
    "golden_sampling",
    "golden_pipeline",
    "golden_metrics",
    "golden_insights",
    "golden_frequencies",
]

if __name__ == "__main__":
    for subject in sys.argv[1:] or SUBJECTS:
        print(subject, flush=True)
        importlib.import_module(subject).make()
