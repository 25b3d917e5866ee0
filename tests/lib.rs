//! The simulation, the lab and interoperation with real peers.
