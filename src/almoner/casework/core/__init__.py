"""What every room of casework uses: clocks, audit trail, words, batches."""
