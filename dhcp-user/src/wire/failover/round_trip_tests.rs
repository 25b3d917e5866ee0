//! What is written reads the same, and what ISC dhcpd wrote is written the same.
