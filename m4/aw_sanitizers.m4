# SPDX-License-Identifier: MIT
#
# AW_SANITIZERS
#
# Adds --enable-sanitizers=LIST, where LIST is what -fsanitize= takes
# (address,undefined or thread), and sets SAN_CFLAGS and SAN_LDFLAGS. The list
# is handed to the compiler as it is; a compiler that cannot link a program
# with it is an error, since a run without the checks would look green.
AC_DEFUN([AW_SANITIZERS], [
AC_ARG_ENABLE([sanitizers],
  [AS_HELP_STRING([--enable-sanitizers=LIST],
    [build with -fsanitize=LIST: address,undefined or thread])],
  [], [enable_sanitizers=no])
SAN_CFLAGS=
SAN_LDFLAGS=
AS_CASE([$enable_sanitizers],
  [no], [],
  [yes], [AC_MSG_ERROR([--enable-sanitizers needs a list, for instance dnl
--enable-sanitizers=address,undefined])],
  [SAN_CFLAGS="-fsanitize=$enable_sanitizers -fno-omit-frame-pointer"
   SAN_LDFLAGS="-fsanitize=$enable_sanitizers"
   AS_CASE([",$enable_sanitizers,"], [*,undefined,*],
     [SAN_CFLAGS="$SAN_CFLAGS -fno-sanitize-recover=undefined"])
   AC_MSG_CHECKING([whether $CC links with $SAN_LDFLAGS])
   aw_save_CFLAGS=$CFLAGS
   CFLAGS="$CFLAGS $SAN_CFLAGS"
   AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
     [AC_MSG_RESULT([yes])],
     [AC_MSG_RESULT([no])
      AC_MSG_FAILURE([$CC cannot build with -fsanitize=$enable_sanitizers])])
   CFLAGS=$aw_save_CFLAGS])
AC_SUBST([SAN_CFLAGS])
AC_SUBST([SAN_LDFLAGS])
])
