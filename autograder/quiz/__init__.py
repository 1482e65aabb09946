"""Quizzes: questions in YAML, proved by execution, scored without torch.

.. code-block:: text

    notation      claims, formulas, and answers as people write them
    questions     what a quiz file may say, and reading one
    scoring       answer sheets, what they earn, statistics
    proofs        evidence that the key is right, from running every option confined
    take          one student takes one quiz
    exports       quizzes for other places: HTML, Moodle, QTI, notebooks
"""
