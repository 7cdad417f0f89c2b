"""Operations: the pipelines with their settings, models and memory, as the library and the command line offer them."""
