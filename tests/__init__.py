"""The tests, and the fakes that they, the benchmarks and the fuzzer use."""
