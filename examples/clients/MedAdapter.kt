// Asks from an Android app, with OkHttp and kotlinx.serialization. Not run here: this project's tests have no Kotlin.
//
// An app carries no API key. It gets a short-lived token from your own server (docs/auth.md) and asks for a new one
// when the service answers 401. Cancelling the coroutine ends the request, and with it the LLM's calls.
import java.io.IOException
import java.util.UUID
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

class Refused(val status: Int, val body: String) : IOException("the service answered $status")

class MedAdapter(private val base: String, private val fetchToken: suspend () -> String) {
    private val json = Json { ignoreUnknownKeys = true; encodeDefaults = true }
    private val client = OkHttpClient.Builder().callTimeout(90, TimeUnit.SECONDS).build()
    private var token: String? = null

    suspend fun ask(asked: Asked): Answer {
        // The same key for a retry: the answer is made and counted once.
        val once = UUID.randomUUID().toString()
        return try {
            send(asked, once)
        } catch (refused: Refused) {
            if (refused.status != 401) throw refused
            token = null
            send(asked, once)
        }
    }

    private suspend fun send(asked: Asked, once: String): Answer {
        val bearer = token ?: fetchToken().also { token = it }
        val request = Request.Builder()
            .url("$base/v1/answer")
            .header("Authorization", "Bearer $bearer")
            .header("Idempotency-Key", once)
            .post(json.encodeToString(asked).toRequestBody("application/json".toMediaType()))
            .build()
        val (status, body) = await(client.newCall(request))
        if (status != 200) throw Refused(status, body)
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
