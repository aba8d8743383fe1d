import com.google.gson.Gson;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.xds.XdsChannelCredentials;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A gRPC client without a sidecar: io.grpc with its own xDS, which reads GRPC_XDS_BOOTSTRAP_CONFIG. A line of input
 * says which calls to make, a line of output what came back; e2e/clients/client.ts has both as types.
 */
final class Client {
  static final class Calls {
    int count;
    int atOnce;
    String target;
    String method;
    Map<String, String> metadata;
    int deadlineMs;
    boolean mtls;
  }

  static final class Outcome {
    final Map<String, Integer> answers = new TreeMap<>();
    String message = "";

    synchronized void answered(String text) {
      answers.merge(text, 1, Integer::sum);
    }

    synchronized void failed(Status status) {
      answered(status.getCode().name());
      if (message.isEmpty() && status.getDescription() != null) message = status.getDescription();
    }
  }

  /** Bytes as they are: what is called has no .proto file. */
  static final class Raw implements MethodDescriptor.Marshaller<byte[]> {
    @Override
    public InputStream stream(byte[] value) {
      return new ByteArrayInputStream(value);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }
  }

  private static ManagedChannel connect(Calls calls) {
    ChannelCredentials insecure = InsecureChannelCredentials.create();
    ChannelCredentials how = calls.mtls ? XdsChannelCredentials.create(insecure) : insecure;
    return Grpc.newChannelBuilder(calls.target, how).build();
  }

  private static Outcome callAll(ManagedChannel connection, Calls calls) throws InterruptedException {
    Metadata metadata = new Metadata();
    calls.metadata.forEach(
        (name, value) -> metadata.put(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), value));
    Channel channel =
        ClientInterceptors.intercept(connection, MetadataUtils.newAttachHeadersInterceptor(metadata));
    MethodDescriptor<byte[], byte[]> method =
        MethodDescriptor.<byte[], byte[]>newBuilder()
            .setType(MethodType.UNARY)
            .setFullMethodName(calls.method.substring(1))
            .setRequestMarshaller(new Raw())
            .setResponseMarshaller(new Raw())
            .build();
    Outcome outcome = new Outcome();
    AtomicInteger left = new AtomicInteger(calls.count);
    List<Thread> threads = new ArrayList<>();
    for (int at = 0; at < calls.atOnce; at++) {
      Thread thread =
          new Thread(
              () -> {
                while (left.getAndDecrement() > 0) {
                  CallOptions options =
                      CallOptions.DEFAULT.withDeadlineAfter(calls.deadlineMs, TimeUnit.MILLISECONDS);
                  try {
                    byte[] answer = ClientCalls.blockingUnaryCall(channel, method, options, new byte[0]);
                    outcome.answered(new String(answer, StandardCharsets.UTF_8));
                  } catch (StatusRuntimeException error) {
                    outcome.failed(error.getStatus());
                  }
                }
              });
      thread.start();
      threads.add(thread);
    }
    for (Thread thread : threads) thread.join();
    return outcome;
  }

  public static void main(String[] args) throws Exception {
    Gson gson = new Gson();
    Map<String, ManagedChannel> connections = new HashMap<>();
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      Calls calls = gson.fromJson(line, Calls.class);
      ManagedChannel connection =
          connections.computeIfAbsent(calls.target + (calls.mtls ? " mtls" : ""), (key) -> connect(calls));
      System.out.println(gson.toJson(callAll(connection, calls)));
      System.out.flush();
    }
    System.exit(0);
  }
}
