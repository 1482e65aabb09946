"""The boundary: runs code that is not ours.

.. code-block:: text

    rubric process (trusted)                      student's process (proves nothing)
    process  starts, times out, kills       <=>   worker   answers calls
    wire     frames and values, on both sides     cells    runs cells, keeps each exercise's view
    protocol the requests and replies, likewise   confine  bounds what a worker may use
    forking  asks for a worker              <=>   zygote   forks workers with torch already imported
"""
