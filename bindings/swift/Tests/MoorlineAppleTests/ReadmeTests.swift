import Foundation
import XCTest

/// The README's first sign-in is code of this target.
final class ReadmeTests: XCTestCase {
    func testTheFirstSignInOfTheReadmeIsTheCodeThatThisTargetCompiles() throws {
        let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let code = try String(contentsOf: here.appendingPathComponent("FirstSignIn.swift"), encoding: .utf8)
        let package = here.deletingLastPathComponent().deletingLastPathComponent()
        let readme = try String(contentsOf: package.appendingPathComponent("README.md"), encoding: .utf8)
        let example = code.components(separatedBy: "// --- first sign-in\n")
        XCTAssertEqual(example.count, 3)
        let shown = example[1].trimmingCharacters(in: .whitespacesAndNewlines)
        XCTAssertTrue(readme.contains("```swift\n\(shown)\n```"), "README.md shows another first sign-in")
    }
}
