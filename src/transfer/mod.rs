//! Where content comes from and how it is streamed.
