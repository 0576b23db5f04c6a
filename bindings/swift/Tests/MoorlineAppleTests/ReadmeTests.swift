import Foundation
import XCTest

/// The README's first sign-in is code of this target.
final class ReadmeTests: XCTestCase {
    func testTheFirstSignInOfTheReadmeIsTheCodeThatThisTargetCompiles() throws {
        let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let code = try String(contentsOf: here.appendingPathComponent("FirstSignIn.swift"), encoding: .utf8)
        let package = here.deletingLastPathComponent().deletingLastPathComponent()
        let readme = try String(contentsOf: package.appendingPathComponent("README.md"), encoding: .utf8)
        let from = try XCTUnwrap(code.range(of: "// ANCHOR: first_sign_in\n"))
        let to = try XCTUnwrap(code.range(of: "// ANCHOR_END: first_sign_in\n"))
        let shown = code[from.upperBound..<to.lowerBound].trimmingCharacters(in: .whitespacesAndNewlines)
        XCTAssertTrue(readme.contains("```swift\n\(shown)\n```"), "README.md shows another first sign-in")
    }
}
