//! What AWS services are: which action an operation needs, which resources it takes. Knows no event.
