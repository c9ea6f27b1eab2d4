//! Part of the tree.
