// For the tests on Linux alone, which this file belongs to: Foundation keeps its network apart there.
@_exported import FoundationNetworking

/// Swift 6.0's libswiftObservation.so needs this function of the runtime (`swift::threading::fatal`), which no library
/// has there.
@_cdecl("_ZN5swift9threading5fatalEPKcz") func observationNeedsThis() -> Never { fatalError("a lock of Observation") }
