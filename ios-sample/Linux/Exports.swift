// For the tests on Linux alone, which this file belongs to: Foundation keeps its network apart there.
@_exported import FoundationNetworking
