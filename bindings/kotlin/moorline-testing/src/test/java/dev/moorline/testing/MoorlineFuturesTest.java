package dev.moorline.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.moorline.AuthorizationRequest;
import dev.moorline.HttpRequest;
import dev.moorline.HttpResponse;
import dev.moorline.MoorlineException;
import dev.moorline.MoorlineFutures;
import dev.moorline.Platform;
import dev.moorline.RevocationOutcome;
import dev.moorline.SessionState;
import dev.moorline.SignInOptionsBuilder;
import dev.moorline.SignOutOptionsBuilder;
import dev.moorline.SignOutOutcome;
import dev.moorline.User;
import java.io.File;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The whole life of a session, as an app in Java writes it. */
class MoorlineFuturesTest {
    private final FakeMoorline fake = new FakeMoorline();
    private final MoorlineFutures moorline = MoorlineFutures.of(fake);

    private static <T> T of(CompletableFuture<T> future) throws Exception {
        return future.get(1, TimeUnit.MINUTES);
    }

    @Test
    void aSessionFromSignInToSignOut() throws Exception {
        CountDownLatch signedIn = new CountDownLatch(1);
        AutoCloseable listening = moorline.onState(state -> {
            if (state instanceof SessionState.SignedIn) signedIn.countDown();
        });
        SignInOptionsBuilder options = new SignInOptionsBuilder();
        options.setLoginHint("ada");
        AuthorizationRequest request = of(moorline.startSignIn(options.build()));
        User user = of(moorline.finishSignIn(fake.callback(request, UsersKt.user("Ada"))));
        assertEquals("Ada", user.getName());
        assertTrue(signedIn.await(1, TimeUnit.MINUTES));
        listening.close();

        assertNotNull(of(moorline.accessToken(60)).getSecret());
        assertEquals(200, of(moorline.send(HttpRequest.Companion.get(fake.getIssuer() + "/notes"))).getStatus());
        assertEquals("ada", of(moorline.sessionInfo()).getUser().getSubject());

        SignOutOptionsBuilder signOut = new SignOutOptionsBuilder();
        signOut.setEndSession(true);
        SignOutOutcome outcome = of(moorline.signOut(signOut.build()));
        assertEquals(RevocationOutcome.Revoked.INSTANCE, outcome.getRevocation());
        assertNotNull(outcome.getEndSession());
        assertNull(of(moorline.sessionInfo()));
        assertInstanceOf(SessionState.SignedOut.class, moorline.getState());
    }

    @Test
    void aFutureThatFailsHoldsTheError() {
        ExecutionException failed = assertThrows(ExecutionException.class, () -> of(moorline.accessToken(60)));
        MoorlineException error = assertInstanceOf(MoorlineException.SignedOut.class, failed.getCause());
        assertEquals("signed_out", error.getCode());
    }

    @Test
    void afterCloseEachFutureHoldsTheErrorAndNoListenerIsCalled() throws Exception {
        CountDownLatch called = new CountDownLatch(1);
        moorline.onState(state -> called.countDown());
        assertTrue(called.await(1, TimeUnit.MINUTES));
        moorline.close();
        AutoCloseable late = moorline.onState(state -> {
            throw new AssertionError("a listener was called after close()");
        });
        for (CompletableFuture<?> future : List.of(moorline.accessToken(60), moorline.opened())) {
            ExecutionException failed = assertThrows(ExecutionException.class, () -> of(future));
            assertInstanceOf(MoorlineException.Misconfigured.class, failed.getCause());
        }
        late.close();
    }

    @Test
    void aCallThatIsUnderWayWhenItIsClosedEndsAsMoorlineSays() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch answer = new CountDownLatch(1);
        fake.become(new SessionState.SignedIn(UsersKt.user("Ada")));
        fake.onSend(request -> {
            asked.countDown();
            try {
                answer.await(1, TimeUnit.MINUTES);
            } catch (InterruptedException interrupted) {
                throw new AssertionError(interrupted);
            }
            return new HttpResponse(200, List.of(), new byte[0]);
        });
        CompletableFuture<HttpResponse> sent = moorline.send(HttpRequest.Companion.get(fake.getIssuer() + "/notes"));
        assertTrue(asked.await(1, TimeUnit.MINUTES));
        moorline.close();
        answer.countDown();
        assertEquals(200, of(sent).getStatus());
    }

    @Test
    void aWrongConfigurationIsReportedAtOnce() {
        Platform platform = Platform.Companion.insecure(new File("unused"), new File("unused"));
        assertThrows(
            MoorlineException.Misconfigured.class,
            () -> MoorlineFutures.create(platform, builder -> builder.setClientId("notes")));
    }
}
