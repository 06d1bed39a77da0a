// Asks from an iOS app. Not run here: this project's tests have no Swift.
//
// An app carries no API key. It gets a short-lived token from your own server (docs/auth.md) and asks for a new one
// when the service answers 401. Cancelling the task ends the request, and with it the LLM's calls; with an
// Idempotency-Key (`once`) the work goes on, and asking again with the same key gets its answer, counted once.
import Foundation

struct Answer: Decodable {
    let answer: String?
    let text: String?
    let confidence: Double?
    let confidenceReason: String?
    let abstained: Bool
    let urgentText: String?
    let notice: String
}

struct Problem: Decodable, Error {
    let status: Int
    let code: String
    let detail: String
    /// There where the question tells of an emergency: show it first, as an answer's.
    let urgentText: String?
}

actor MedAdapter {
    private let base: URL
    private let fetchToken: () async throws -> String
    private var token: String?

    init(base: URL, fetchToken: @escaping () async throws -> String) {
        self.base = base
        self.fetchToken = fetchToken
    }

    /// - Parameter once: a UUID that you keep with the question until you have its answer, and send with each try; nil:
    ///   each try is a request of its own.
    func ask(
        _ question: String, options: [String: String], candidates: Int = 5, once: String? = nil
    ) async throws -> Answer {
        let body: [String: Any] = ["question": question, "options": options, "k": candidates, "include": [String]()]
        var request = URLRequest(url: base.appendingPathComponent("v1/answer"), timeoutInterval: 90)
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        if let once { request.setValue(once, forHTTPHeaderField: "Idempotency-Key") }
        request.httpBody = try JSONSerialization.data(withJSONObject: body)
        do {
            return try await send(request, token: try await currentToken())
        } catch let problem as Problem where problem.status == 401 {
            token = nil
            return try await send(request, token: try await currentToken())
        }
    }

    private func currentToken() async throws -> String {
        if let token { return token }
        let fresh = try await fetchToken()
        token = fresh
        return fresh
    }

    private func send(_ request: URLRequest, token: String) async throws -> Answer {
        var request = request
        request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization")
        let (data, response) = try await URLSession.shared.data(for: request)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let status = (response as? HTTPURLResponse)?.statusCode ?? 0
        guard status == 200 else {
            // What stands between may answer with a page of its own.
            throw (try? decoder.decode(Problem.self, from: data))
                ?? Problem(status: status, code: "no_problem", detail: "The service answered \(status).", urgentText: nil)
        }
        return try decoder.decode(Answer.self, from: data)
    }
}

// let task = Task { try await service.ask("Is it contagious?", options: ["yes": "yes", "no": "no"]) }
// task.cancel()
// do { ... } catch let problem as Problem { show(problem.urgentText ?? problem.detail) }
