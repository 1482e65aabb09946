"""Quizzes: questions in YAML, proved by execution, scored without torch.

.. code-block:: text

    models, loading          what a quiz file may say, and reading one
    expressions, reading     claims and formulas · answers as people write them
    credit, scoring          shares of points · one answer sheet against one quiz
    sheets, outcomes         answer files · what scoring says
    evidence, proving        what running every option gave · running it, confined
"""
