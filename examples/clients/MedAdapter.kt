// Asks from an Android app, with OkHttp and kotlinx.serialization. Not run here: this project's tests have no Kotlin.
//
// An app carries no API key. It gets a short-lived token from your own server (docs/auth.md) and asks for a new one
// when the service answers 401. Cancelling the coroutine ends the request, and with it the LLM's calls; with an
// Idempotency-Key (`once`) the work goes on, and asking again with the same key gets its answer, counted once.
import java.io.IOException
import java.util.concurrent.TimeUnit
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable
import kotlinx.serialization.encodeToString
import kotlinx.serialization.json.Json
import okhttp3.Call
import okhttp3.Callback
import okhttp3.MediaType.Companion.toMediaType
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody.Companion.toRequestBody
import okhttp3.Response

@Serializable
data class Asked(
    val question: String,
    val options: Map<String, String>,
    val k: Int = 5,
    val include: List<String> = emptyList(),
)

@Serializable
data class Answer(
    val answer: String?,
    val text: String?,
    val confidence: Double?,
    @SerialName("confidence_reason") val confidenceReason: String?,
    val abstained: Boolean,
    @SerialName("urgent_text") val urgentText: String?,
    val notice: String,
)

@Serializable
data class Problem(
    val code: String,
    val detail: String,
    // There where the question tells of an emergency: show it first, as an answer's.
    @SerialName("urgent_text") val urgentText: String? = null,
)

// `problem` is null where something between answered with a page of its own.
class Refused(val status: Int, val problem: Problem?) : IOException("the service answered $status")

class MedAdapter(private val base: String, private val fetchToken: suspend () -> String) {
    private val json = Json { ignoreUnknownKeys = true; encodeDefaults = true }
    private val client = OkHttpClient.Builder().callTimeout(90, TimeUnit.SECONDS).build()
    private var token: String? = null

    // `once`: a UUID that you keep with the question until you have its answer, and send with each try; null: each try is
    // a request of its own.
    suspend fun ask(asked: Asked, once: String? = null): Answer {
        return try {
            send(asked, once)
        } catch (refused: Refused) {
            if (refused.status != 401) throw refused
            token = null
            send(asked, once)
        }
    }

    private suspend fun send(asked: Asked, once: String?): Answer {
        val bearer = token ?: fetchToken().also { token = it }
        val request = Request.Builder()
            .url("$base/v1/answer")
            .header("Authorization", "Bearer $bearer")
            .apply { if (once != null) header("Idempotency-Key", once) }
            .post(json.encodeToString(asked).toRequestBody("application/json".toMediaType()))
            .build()
        val (status, body) = await(client.newCall(request))
        if (status != 200) throw Refused(status, runCatching { json.decodeFromString<Problem>(body) }.getOrNull())
        return json.decodeFromString(body)
    }

    private suspend fun await(call: Call): Pair<Int, String> = suspendCancellableCoroutine { waiting ->
        waiting.invokeOnCancellation { call.cancel() }
        call.enqueue(object : Callback {
            override fun onFailure(call: Call, e: IOException) = waiting.resumeWithException(e)

            override fun onResponse(call: Call, response: Response) = response.use {
                waiting.resume(it.code to it.body!!.string())
            }
        })
    }
}
