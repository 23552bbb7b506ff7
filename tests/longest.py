"""The files of tests that take longest. Each goes to one process, so they must begin first."""

LONGEST = (  # the longest first
    "stream/test_equal_to_sweep.py",
    "casework/browser/test_whole_story.py",
    "stream/test_kafka.py",
    "cli/test_story.py",
    "casework/test_rights.py",
    "casework/browser/test_queue.py",
    "casework/browser/test_long_strings.py",
    "cli/test_tutorial.py",
    "stream/test_killing.py",
    "stream/test_epochs.py",
    "assessment/test_scope.py",
    "casework/browser/test_household_page.py",
    "cycle/test_order.py",
    "casework/browser/test_at_the_desk.py",
    "casework/browser/test_parts_of_a_case.py",
    "trials/test_scenarios.py",
    "stream/test_surroundings.py",
    "stream/test_bench.py",
    "stream/test_telling.py",
)
