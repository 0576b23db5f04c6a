/// Swift 6.0's libswiftObservation.so needs this function of the runtime (`swift::threading::fatal`), which no library
/// has on Linux.
@_cdecl("_ZN5swift9threading5fatalEPKcz") public func observationNeedsThis() -> Never {
    fatalError("a lock of Observation")
}
