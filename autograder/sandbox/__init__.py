"""The boundary: everything about running code that is not ours.

.. code-block:: text

    rubric process (trusted)                      student's process (proves nothing)
    remote   proxies, autograd across the line    cells    runs cells, keeps each exercise's view
    host     loads, replaces, bounds              worker   answers calls
    process  starts, times out, kills       <=>   zygote   forks workers with torch already imported
    wire     frames and values, on both sides     confine  what a worker may use
    protocol the requests and replies, likewise
"""
