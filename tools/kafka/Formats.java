import com.google.protobuf.*;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.util.JsonFormat;
import java.io.*;
import java.util.*;
import org.apache.avro.Schema;
import org.apache.avro.generic.*;
import org.apache.avro.io.*;

/**
 * Java's own Avro and Protobuf, framed as Confluent's serializers frame them, for tests of what Millrace writes and reads. Each argument is a
 * command, each answer a line: avro-write ID SCHEMA JSON gives hex; avro-read WRITTEN READER HEX and proto-read HEX give JSON; proto-write ID JSON gives hex.
 * Parts of a command are separated by a tab.
 */
public class Formats {
  public static void main(String[] args) throws Exception {
    for (String each : args) {
      String[] parts = each.split("\t");
      System.out.println(
          switch (parts[0]) {
            case "avro-write" -> avroWrite(Integer.parseInt(parts[1]), new Schema.Parser().parse(parts[2]), parts[3]);
            case "avro-read" -> avroRead(new Schema.Parser().parse(parts[1]), new Schema.Parser().parse(parts[2]), unframed(parts[3], 5));
            case "proto-write" -> protoWrite(Integer.parseInt(parts[1]), parts[2]);
            default -> protoRead(unframed(parts[1], 7));
          });
    }
  }

  static String avroWrite(int id, Schema schema, String json) throws Exception {
    Object value = new GenericDatumReader<>(schema).read(null, DecoderFactory.get().jsonDecoder(schema, json));
    var out = framed(id);
    var encoder = EncoderFactory.get().binaryEncoder(out, null);
    new GenericDatumWriter<>(schema).write(value, encoder);
    encoder.flush();
    return HexFormat.of().formatHex(out.toByteArray());
  }

  static String avroRead(Schema written, Schema wanted, byte[] bytes) throws Exception {
    Object value = new GenericDatumReader<>(written, wanted).read(null, DecoderFactory.get().binaryDecoder(bytes, null));
    var out = new ByteArrayOutputStream();
    var encoder = EncoderFactory.get().jsonEncoder(wanted, out, false);
    new GenericDatumWriter<>(wanted).write(value, encoder);
    encoder.flush();
    return out.toString("UTF-8").replace("\n", "");
  }

  /** The second message of its file, so that its indexes are one index, 1: zigzag 2, 2. */
  static String protoWrite(int id, String json) throws Exception {
    var builder = DynamicMessage.newBuilder(order());
    JsonFormat.parser().merge(json, builder);
    var out = framed(id);
    out.write(new byte[] {2, 2});
    builder.build().writeTo(out);
    return HexFormat.of().formatHex(out.toByteArray());
  }

  static String protoRead(byte[] bytes) throws Exception {
    return JsonFormat.printer().omittingInsignificantWhitespace().print(DynamicMessage.parseFrom(order(), bytes));
  }

  static ByteArrayOutputStream framed(int id) throws IOException {
    var out = new ByteArrayOutputStream();
    out.write(0);
    new DataOutputStream(out).writeInt(id);
    return out;
  }

  static byte[] unframed(String hex, int frame) {
    byte[] bytes = HexFormat.of().parseHex(hex);
    return Arrays.copyOfRange(bytes, frame, bytes.length);
  }

  /** What the .proto text of the test says; Java has no parser for it. */
  static Descriptors.Descriptor order() throws Exception {
    var file = FileDescriptorProto.newBuilder();
    TextFormat.merge(
        """
        name: "order.proto" package: "shop" syntax: "proto3"
        message_type { name: "Other" }
        message_type {
          name: "Order"
          field { name: "id" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
          field { name: "small_delta" number: 2 type: TYPE_SINT64 label: LABEL_OPTIONAL }
          field { name: "big" number: 3 type: TYPE_UINT64 label: LABEL_OPTIONAL }
          field { name: "packed" number: 4 type: TYPE_INT32 label: LABEL_REPEATED }
          field { name: "counts" number: 5 type: TYPE_MESSAGE type_name: ".shop.Order.CountsEntry" label: LABEL_REPEATED }
          field { name: "kind" number: 6 type: TYPE_ENUM type_name: ".shop.Kind" label: LABEL_OPTIONAL }
          field { name: "data" number: 7 type: TYPE_BYTES label: LABEL_OPTIONAL }
          field { name: "price" number: 8 type: TYPE_DOUBLE label: LABEL_OPTIONAL }
          field { name: "card" number: 9 type: TYPE_STRING label: LABEL_OPTIONAL oneof_index: 0 }
          field { name: "cash" number: 10 type: TYPE_MESSAGE type_name: ".shop.Order.Cash" label: LABEL_OPTIONAL oneof_index: 0 }
          field { name: "hash" number: 11 type: TYPE_FIXED32 label: LABEL_OPTIONAL }
          field { name: "next" number: 12 type: TYPE_MESSAGE type_name: ".shop.Order" label: LABEL_OPTIONAL }
          oneof_decl { name: "payment" }
          nested_type {
            name: "CountsEntry"
            field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
            field { name: "value" number: 2 type: TYPE_INT64 label: LABEL_OPTIONAL }
            options { map_entry: true }
          }
          nested_type { name: "Cash" field { name: "cents" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL } }
        }
        enum_type { name: "Kind" value { name: "UNKNOWN" number: 0 } value { name: "NEW" number: 1 } }
        """,
        file);
    return Descriptors.FileDescriptor.buildFrom(file.build(), new Descriptors.FileDescriptor[0]).findMessageTypeByName("Order");
  }
}
